"Standard benchmarks, scored as their authors score them."
