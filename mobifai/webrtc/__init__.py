"""The WebRTC engine: aiortc, and faster replacements for some of its parts."""
