"""Linear algebra on (batches of) matrices: solving, decompositions, norms, functions of matrices."""
