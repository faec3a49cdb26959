package io.pilus.bench;

import io.pilus.bench.LoadGenerator.Exchange;
import io.pilus.bench.LoadGenerator.Family;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Runs of the load generator over a set of paths. */
final class PathRuns {

    private PathRuns() {}

    static Series measure(Run run, String where, List<PacketPath> paths, Exchange exchange, Family family) {
        run.progress().begin(title(where, exchange, family));
        return Rounds.run(
                paths.stream()
                        .map(path -> run.generator().variant(path, exchange, family))
                        .toList(),
                run.rounds(),
                run.progress());
    }

    static Table table(String where, Exchange exchange, Family family, Series series) {
        return Table.of(title(where, exchange, family), "ns", series, LoadGenerator.P5);
    }

    /** Every exchange, and requests in both families. */
    static List<Table> all(Run run, String where, List<PacketPath> paths) {
        List<Table> tables = new ArrayList<>();
        for (Exchange exchange : Exchange.values()) {
            tables.add(table(where, exchange, Family.IPV4, measure(run, where, paths, exchange, Family.IPV4)));
        }
        tables.add(table(
                where,
                Exchange.REQUEST_RESPONSE,
                Family.IPV6,
                measure(run, where, paths, Exchange.REQUEST_RESPONSE, Family.IPV6)));
        return tables;
    }

    private static String title(String where, Exchange exchange, Family family) {
        String what = exchange.name().toLowerCase(Locale.ROOT).replace('_', ' ');
        return where + ", " + what + ", " + (family == Family.IPV4 ? "IPv4" : "IPv6");
    }
}
