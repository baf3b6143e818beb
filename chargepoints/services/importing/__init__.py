"""Tables that people bring from their spreadsheets: read, planned against what there is, stored whole or not at all."""
