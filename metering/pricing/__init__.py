"""What a session costs: tariffs, the price engine, charge detail records, receipts."""
