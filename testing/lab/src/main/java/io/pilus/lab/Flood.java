package io.pilus.lab;

/** First packets, one after the other: datagrams, or connections. */
public final class Flood {

    private final Prober prober;
    private final long id;

    Flood(Prober prober, long id) {
        this.prober = prober;
        this.id = id;
    }

    /** How many could be sent so far: there was an interface, and a route. */
    public long sent() {
        return prober.ask(Prober.command("lookFlood").put("flood", id))
                .join()
                .path("sent")
                .asLong();
    }

    /** Ends it. */
    public long stop() {
        return prober.ask(Prober.command("stopFlood").put("flood", id))
                .join()
                .path("sent")
                .asLong();
    }
}
