"""Skills and memory: store, retrieval, merging, life cycle, and exchange as Agent Skills."""
