"""What becomes of each symbol and in which order files go. Pure: a survey in, a plan out."""
