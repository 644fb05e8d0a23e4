"""The Streamlit app around `lattice_core`: navigation, shared state, figures and the stepper.

The pages themselves are in ``pages/``, one file a chapter.
"""
