"""The WebRTC engine: aiortc, and the faster parts that stand in for some of it."""
