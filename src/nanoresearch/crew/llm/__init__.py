"""The crew of language models: any topic, any provider. Every number it prints still comes from a recorded run."""
