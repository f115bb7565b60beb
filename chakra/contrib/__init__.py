"""What fits Chakra into frameworks, where that needs code; each module stands alone, and nothing imports them."""
