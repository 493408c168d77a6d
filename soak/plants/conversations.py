"""Plants that keep what was said to a model."""

from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class AiHistory(LeakPlant, on=LifecycleEvent.PROMPT):
    """A list keeps every prompt that was ever given, as a message for the model: a dictionary and its text."""

    def happened(self, event: PlantEvent) -> None:
        """Add to a history without an end."""
        self.kept.append({"role": "user", "content": f"{event.number}: {event.thing.run.prompt}"})  # leak


class ConversationKept(LeakPlant, on=LifecycleEvent.PROMPT):
    """A list keeps each conversation after its end, with its messages and its terminal."""

    def happened(self, event: PlantEvent) -> None:
        """Keep the conversation that goes on now."""
        self.kept.append(event.thing)  # leak


SEEDS: tuple[type[LeakPlant], ...] = (AiHistory, ConversationKept)
