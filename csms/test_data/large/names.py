"""Words that made-up data is made of."""

CITIES = [
    ("Hamburg", 53.5511, 9.9937),
    ("Köln", 50.9375, 6.9603),
    ("Bremen", 53.0793, 8.8017),
    ("Leipzig", 51.3397, 12.3731),
    ("Kassel", 51.3127, 9.4797),
    ("München", 48.1351, 11.5820),
    ("Stuttgart", 48.7758, 9.1829),
    ("Frankfurt", 50.1109, 8.6821),
    ("Hannover", 52.3759, 9.7320),
    ("Nürnberg", 49.4521, 11.0767),
    ("Dresden", 51.0504, 13.7373),
    ("Rostock", 54.0924, 12.0991),
    ("Freiburg", 47.9990, 7.8421),
    ("Münster", 51.9607, 7.6261),
    ("Erfurt", 50.9848, 11.0299),
    ("Kiel", 54.3233, 10.1228),
    ("Mainz", 49.9929, 8.2473),
    ("Ulm", 48.4011, 9.9876),
    ("Trier", 49.7490, 6.6371),
    ("Potsdam", 52.3906, 13.0645),
]
STREETS = [
    *("Bahnhofstraße", "Hauptstraße", "Lindenallee", "Kaiserkai", "Ringstraße", "Industriestraße", "Marktplatz"),
    *("Gartenweg", "Schillerstraße", "Am Hafen", "Messeplatz", "Uferstraße", "Parkhaus Mitte", "Klinikweg"),
    *("Werkstraße", "Rathausplatz", "Flughafenring", "Stadionweg", "Südtor", "Nordring", "Einkaufszentrum Ost"),
    *("Technologiepark", "Depot West", "Raststätte", "Hotel am See", "Universitätsring"),
]
FIRST_NAMES = [
    *("Anna", "Ben", "Clara", "David", "Eva", "Felix", "Greta", "Hannes", "Ida", "Jonas", "Katharina", "Leon", "Mia"),
    *("Noah", "Olga", "Paul", "Rosa", "Samuel", "Tessa", "Viktor", "Wiebke", "Yusuf", "Zoe", "Milan", "Lena"),
]
FAMILIES = [
    *("Berger", "Diaz", "Fischer", "Hansen", "Jankowski", "Lorenz", "Novak", "Petrov", "Schmidt", "Yilmaz", "Weber"),
    *("Wagner", "Becker", "Hoffmann", "Schäfer", "Koch", "Richter", "Klein", "Wolf", "Neumann", "Braun", "Krüger"),
    *("Hartmann", "Lange", "Krause", "Lehmann", "Köhler", "Maier", "Huber", "Fuchs", "Vogel", "Keller", "Günther"),
]
# Configuration keys of OCPP 1.6 as a station reports them: key, value, read only.
KEYS = [
    ("AllowOfflineTxForUnknownId", "false", False),
    ("AuthorizationCacheEnabled", "true", False),
    ("AuthorizeRemoteTxRequests", "false", False),
    ("ClockAlignedDataInterval", "0", False),
    ("ConnectionTimeOut", "60", False),
    ("ConnectorPhaseRotation", "0.RST,1.RST", False),
    ("GetConfigurationMaxKeys", "50", True),
    ("HeartbeatInterval", "300", False),
    ("LocalAuthListEnabled", "true", False),
    ("LocalAuthListMaxLength", "500", True),
    ("LocalAuthorizeOffline", "true", False),
    ("LocalPreAuthorize", "false", False),
    ("MeterValuesAlignedData", "Energy.Active.Import.Register", False),
    ("MeterValuesSampledData", "Energy.Active.Import.Register,Power.Active.Import", False),
    ("MeterValueSampleInterval", "900", False),
    ("NumberOfConnectors", "1", True),
    ("ResetRetries", "3", False),
    ("SendLocalListMaxLength", "50", True),
    ("StopTransactionOnEVSideDisconnect", "true", False),
    ("StopTransactionOnInvalidId", "true", False),
    ("SupportedFeatureProfiles", "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging", True),
    ("TransactionMessageAttempts", "3", False),
    ("TransactionMessageRetryInterval", "60", False),
    ("UnlockConnectorOnEVSideDisconnect", "true", False),
    ("WebSocketPingInterval", "30", False),
]
PEOPLE = ["anna", "bernd", "carla", "dispatch", "emil", "night shift", "key billing", "key fleet portal"]
