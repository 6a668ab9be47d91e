def generate_sas_token():
    return "?sig=fake"
