"""The .pt file: an uncompressed zip with one pickle and raw storages, as torch.save writes it.

names.py      what torch calls its classes in a pickle, and what they are here
tensors.py    tensors apart into storages and views, and together again
archive.py    the zip: writing, and reading with every length and offset checked
emit.py       Python objects to pickle opcodes
restricted.py pickle opcodes to Python objects, running nothing
legacy.py     the container of torch before 1.6: pickles in a row, then data

Nothing here is public; rushlight.serialization is.
"""
