"""A class in one room: pupils predict, the teacher sees how many chose what, and reveals the answer.

`tally` counts, and knows nothing of streamlit; `seat` is a session's place in a room; `screen` is what the teacher
puts away or enlarges; `bar` stands above every page; `asking` is the class's part of a question.
"""
