"""From a manuscript to LaTeX files and a PDF."""
