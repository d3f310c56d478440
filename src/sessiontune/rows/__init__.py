"""What the formats share: messages as encoded pieces, columns, and the way back."""
