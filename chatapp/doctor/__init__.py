"""The stream tester: what a deployment does to streams, seen from where its readers are.

It imports the standard library alone and nothing else of chatapp, so that it can be packed into one file and run on a
machine where chatapp is not installed.
"""
