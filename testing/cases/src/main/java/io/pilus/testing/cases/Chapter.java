package io.pilus.testing.cases;

/** The parts of the page, in its order. */
public enum Chapter {
    OUTAGES("Outages"),
    STORE("The store"),
    IDENTITIES("Identities and addresses"),
    FIRST_PACKETS("First packets"),
    FORGED("Forged packets"),
    FLOODS("Floods"),
    GROWTH("Growth and change");

    private final String title;

    Chapter(String title) {
        this.title = title;
    }

    String title() {
        return title;
    }
}
