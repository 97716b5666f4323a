"""The market data agent on a recording: what was heard is lived through again."""
