"""Words from which names are made. All companies and people are invented."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """Where a partner and its clients are."""

    zone: str
    country: str
    currency: str
    agency: str
    cities: tuple[str, ...]
    phone: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    forms: tuple[str, ...]


def _words(text: str, separator: str = " ") -> tuple[str, ...]:
    return tuple(text.split(separator))


_ENGLISH_FIRST = _words(
    "Ava Ben Carla Daniel Elena Frank Grace Henry Isla Jack Kara Liam Maya Noah Olivia Paul "
    "Quinn Rosa Sam Tara Uma Victor Wendy Xavier Yara Zoe"
)
_ENGLISH_LAST = (
    "Adams",
    "Bennett",
    "Carter",
    "D'Angelo",
    "Edwards",
    "Fisher",
    "Graham",
    "Hughes",
    "Irving",
    "Jackson",
    "Keller",
    "Lopez",
    "Morgan",
    "Nguyen",
    "O'Brien",
    "Price",
    "Quincy",
    "Reyes",
    "Stone",
    "Turner",
    "Vance",
    "Walsh",
    "Young",
    "Zimmer",
)
_GERMAN_FIRST = (
    "Anja",
    "Björn",
    "Claudia",
    "Dieter",
    "Eva",
    "Florian",
    "Günther",
    "Heike",
    "Ingrid",
    "Jörg",
    "Katrin",
    "Lukas",
    "Mareike",
    "Niklas",
    "Petra",
    "Ralf",
    "Sabine",
    "Tobias",
    "Ute",
    "Wolfgang",
)
_GERMAN_LAST = (
    "Albrecht",
    "Böhm",
    "Claußen",
    "Dörr",
    "Engel",
    "Fuchs",
    "Groß",
    "Hübner",
    "Jäger",
    "Köhler",
    "Lindner",
    "Müller",
    "Neumann",
    "Oßwald",
    "Preuß",
    "Richter",
    "Schäfer",
    "Thönnes",
    "Vogt",
    "Weiß",
)
_INDIAN_FIRST = _words(
    "Aarav Bhavna Chetan Divya Esha Farhan Gauri Harsh Ishita Jatin Kavya Lakshmi Manish "
    "Neha Omkar Priya Rohan Sneha Tanvi Vikram"
)
_INDIAN_LAST = _words(
    "Agarwal Bose Chatterjee Desai Gupta Iyer Joshi Kapoor Mehta Nair Patel Rao Sharma "
    "Trivedi Varma"
)

REGIONS = (
    Region(
        "America/New_York",
        "United States",
        "USD",
        "Brightwater Digital",
        ("New York", "Boston", "Philadelphia", "Atlanta", "Miami", "Pittsburgh"),
        "+1 212-555-01{:02}",
        _ENGLISH_FIRST,
        _ENGLISH_LAST,
        ("Inc.", "LLC", "Group", "& Co.", "Partners", "Studios", "Labs", "Works"),
    ),
    Region(
        "Europe/Berlin",
        "Germany",
        "EUR",
        "Nordlicht Agentur",
        ("Berlin", "Hamburg", "München", "Köln", "Leipzig", "Düsseldorf"),
        "+49 30 23125 1{:02}",
        _GERMAN_FIRST,
        _GERMAN_LAST,
        ("GmbH", "AG", "GmbH & Co. KG", "KG", "e.K.", "Gruppe"),
    ),
    Region(
        "Asia/Kolkata",
        "India",
        "USD",
        "Saffron Growth Labs",
        ("Mumbai", "Pune", "Bengaluru", "Kolkata", "Chennai", "Hyderabad"),
        "+91 22 5550 01{:02}",
        _INDIAN_FIRST,
        _INDIAN_LAST,
        ("Pvt. Ltd.", "Ltd.", "LLP", "Industries", "Technologies"),
    ),
    Region(
        "Australia/Sydney",
        "Australia",
        "USD",
        "Harbour & Pine",
        ("Sydney", "Melbourne", "Perth"),
        "+61 2 5550 10{:02}",
        _ENGLISH_FIRST,
        _ENGLISH_LAST,
        ("Pty Ltd", "Group", "Co."),
    ),
    Region(
        "Europe/London",
        "United Kingdom",
        "GBP",
        "Fenwick Lane",
        ("London", "Leeds", "Bristol", "Glasgow"),
        "+44 20 7946 00{:02}",
        _ENGLISH_FIRST,
        _ENGLISH_LAST,
        ("Ltd", "plc", "LLP", "& Sons"),
    ),
    Region(
        "America/Sao_Paulo",
        "Brazil",
        "USD",
        "Ipê Marketing",
        ("São Paulo", "Curitiba", "Recife"),
        "+55 11 5555 01{:02}",
        ("Ana", "Bruno", "Conceição", "Davi", "Érica", "João", "Lígia", "Márcio"),
        ("Araújo", "Brandão", "Conceição", "Gonçalves", "Magalhães", "Simões"),
        ("S.A.", "Ltda.", "ME"),
    ),
)

FIRST_WORDS = _words(
    "Amber Arctic Aspen Atlas Beacon Birch Blue Bold Bright Cedar Clear Cobalt Copper Coral "
    "Crest Delta Drift Eagle Echo Ember Evergreen Falcon Fern Flint Forest Garnet Golden "
    "Granite Harbor Hazel High Indigo Iron Ivory Jade Juniper Keystone Lark Laurel Linden "
    "Lunar Maple Marble Meadow Mesa Mint Noble North Oak Ocean Olive Onyx Opal Orchid "
    "Pacific Pearl Pine Prairie Quartz Rapid Raven Red Ridge River Rowan Ruby Saffron Sage "
    "Silver Solar South Spruce Sterling Summit Swift Tall Teal Timber True Union Velvet "
    "Vista West White Wild Willow Winter Zephyr"
)
SECOND_WORDS = _words(
    "Analytics Apparel Automotive Bakery Biotech Books Brewing Builders Capital Care "
    "Chemicals Cloud Coffee Consulting Dental Design Diagnostics Education Electric Energy "
    "Engineering Events Farms Finance Fitness Foods Freight Furniture Games Gardens Glass "
    "Health Homes Hotels Imaging Insurance Interiors Jewelry Kitchens Learning Lighting "
    "Logistics Machinery Media Medical Mobility Motors Optics Outdoors Packaging Paper "
    "Pharma Photonics Plastics Press Printing Properties Recycling Research Robotics Roofing "
    "Security Seeds Shipping Software Solar Sports Steel Supply Systems Telecom Textiles "
    "Tools Toys Travel Ventures Water Wines"
)
INDUSTRIES = _words(
    "Accounting,Architecture & Planning,Automotive,Biotechnology,Computer Software,"
    "Construction,E-Learning,Education Management,Financial Services,Food & Beverages,"
    "Hospital & Health Care,Hospitality,Insurance,Internet,Legal Services,"
    "Logistics and Supply Chain,Machinery,Marketing and Advertising,"
    "Mechanical or Industrial Engineering,Real Estate,Renewables & Environment,Retail,"
    "Telecommunications,Textiles,Wholesale",
    ",",
)
JOB_TITLES = {
    "decision_maker": ("Managing Director", "Head of Marketing", "CEO", "VP Marketing", "Owner"),
    "primary": ("Marketing Manager", "CRM Manager", "Head of Operations", "Office Manager"),
    "billing": ("Accounts Payable", "Finance Manager", "Controller"),
    "": ("Sales Representative", "Content Editor", "Web Developer"),
}
CHANNEL_ACCOUNT_MANAGERS = ("Harper Doyle", "Priscilla Anand", "Marten Visser", "Joana Prates")
CHANNEL_CONSULTANTS = ("Sora Tanaka", "Declan Byrne", "Leonie Hartmann", "Ravi Menon")
RENEWAL_MANAGERS = ("Casey Winslow", "Imani Clarke", "Tomas Novak", "Freya Lund", "Arjun Sethi")
PLAIN = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "ß": "ss",
        "Ä": "ae",
        "Ö": "oe",
        "Ü": "ue",
        "ã": "a",
        "á": "a",
        "ç": "c",
        "é": "e",
        "É": "e",
        "í": "i",
        "õ": "o",
        "ú": "u",
        "ê": "e",
        "'": "",
        ".": "",
        "&": "and",
        '"': "",
        ",": "",
    }
)


def slug(name: str) -> str:
    """A name as it stands in a domain or an address."""
    return "-".join(name.translate(PLAIN).lower().split())
