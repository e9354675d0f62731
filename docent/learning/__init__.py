"""Learning from use: pairs of a question and its pages train what retrieval ranks by.

golden questions, synthetic ones and thumbs → pairs → weights of the fusion, a map of question vectors, or
the embedding model itself; each kept only if it finds more on documents that it has not seen. Pairs and cited
answers are exported for tools that train language models.
"""
