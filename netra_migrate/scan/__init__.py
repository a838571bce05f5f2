"""What a tree says about the two modules: references, handlers, calls and claims; ast in, values out."""
