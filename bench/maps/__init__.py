"""Maps as integrators write them: each in jq, by hand in Python, and as much of it as JMESPath can say."""
