"""Laboratory: being built."""

import streamlit as st

st.title("Real layers")
