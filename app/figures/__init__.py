"""From a problem or a trace to a plotly Figure with one frame a step. Pure: no streamlit here.

A figure tells the stepper three things in ``layout.meta``: ``sentences`` (one for each frame),
``handles`` (which points may be dragged) and ``narrow`` (the layout for a phone).
"""
