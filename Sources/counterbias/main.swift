print("counterbias")
