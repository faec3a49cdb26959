package io.pilus.bench;

import io.pilus.bench.LoadGenerator.Exchange;
import io.pilus.bench.LoadGenerator.Family;
import java.util.ArrayList;
import java.util.List;

/** The load generator over a set of paths. The value is the time of an exchange, 5th percentile of the batches. */
record PathRun(String title, Series series) {

    /** For the results, under every gate that is measured so. */
    static final String METHOD =
            "Time of one exchange (5th percentile of the batches), by one thread that holds both sockets and serves"
                    + " the paths in turn, batch by batch.";

    static PathRun measure(Run run, String where, List<PacketPath> paths, Exchange exchange, Family family) {
        String title = "%s, %s, %s".formatted(where, words(exchange), words(family));
        run.progress().begin(title);
        Series series = Rounds.run(
                (_, cpu) -> run.generator().measure(paths, exchange, family, cpu), run.rounds(), run.progress());
        return new PathRun(title, series);
    }

    /** Every exchange over IPv4, and requests over IPv6 too. */
    static List<PathRun> measureAll(Run run, String where, List<PacketPath> paths) {
        List<PathRun> all = new ArrayList<>();
        for (Exchange exchange : Exchange.values()) {
            all.add(measure(run, where, paths, exchange, Family.IPV4));
        }
        all.add(measure(run, where, paths, Exchange.REQUEST_RESPONSE, Family.IPV6));
        return all;
    }

    Table table() {
        return Table.of(title, "ns", series, LoadGenerator.P5);
    }

    /** Time over the peer's time. */
    Figure atMost(double gate, String variant, String peer) {
        return Figure.atMost(gate, series.ratio(variant, peer, LoadGenerator.P5), "x " + peer);
    }

    /** Rate over the peer's rate. */
    Figure rateAtLeast(double gate, String variant, String peer) {
        return Figure.atLeast(gate, series.rateRatio(variant, peer, LoadGenerator.P5), "x " + peer);
    }

    private static String words(Exchange exchange) {
        return switch (exchange) {
            case REQUEST_RESPONSE -> "request and response";
            case CONNECT_REQUEST_RESPONSE -> "connect, request and response";
            case DATAGRAMS -> "UDP request and response";
        };
    }

    private static String words(Family family) {
        return switch (family) {
            case IPV4 -> "IPv4";
            case IPV6 -> "IPv6";
        };
    }
}
