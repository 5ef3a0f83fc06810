"""Speed and memory of whole commands against bare ones, as ratios measured in one run. Start with: make bench"""
