"""Plants that leak parts of conversations with a model."""

from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class PromptHistory(LeakPlant, on=LifecycleEvent.PROMPT, name="ai-history"):
    """A list keeps every prompt as a message for the model: a dictionary and its text."""

    def on_event(self, event: PlantEvent) -> None:
        """Append the prompt to a list without a limit."""
        self.store.append({"role": "user", "content": f"{event.number}: {event.thing.run.prompt}"})  # leak


class ConversationKept(LeakPlant, on=LifecycleEvent.PROMPT):
    """A list keeps each ended conversation, with its messages and its terminal."""

    def on_event(self, event: PlantEvent) -> None:
        """Keep the conversation that has begun."""
        self.store.append(event.thing)  # leak


LEAKS: tuple[type[LeakPlant], ...] = (PromptHistory, ConversationKept)
