package io.pilus.lab;

import java.util.Locale;

/** How pods' packets travel between nodes. */
public enum Routing {
    VXLAN,
    NATIVE;

    /** As settings spell it. */
    String setting() {
        return name().toLowerCase(Locale.ROOT);
    }
}
