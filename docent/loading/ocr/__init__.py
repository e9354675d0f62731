"""Optical character recognition of scanned pages."""
