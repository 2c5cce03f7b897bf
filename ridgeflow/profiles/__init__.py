"""Functions of one variable: activations, ridgelets, and the constant that joins them."""
