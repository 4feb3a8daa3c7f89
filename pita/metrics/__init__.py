"""Distances between sampled and reference configurations, their standard errors and their noise floors."""
