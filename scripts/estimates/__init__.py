"""How far token estimates are from real counts: samples, a real tokenizer, the note. Development only."""
