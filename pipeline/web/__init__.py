"""The page: the circle in a browser. It shows nothing that the command line could not do.

START with app.py, which lists all rooms of the page. Whoever comes in passes entrance.py, which knows by rights.py who
may see what; a module of pages names for each of its doors what a visitor needs.
"""
