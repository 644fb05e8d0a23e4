"""The page *Audit*: what somebody else's quantized layer is worth."""
