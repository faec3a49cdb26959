package io.pilus.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * A run's results, for people and for programs.
 *
 * @param command what was typed
 * @param revision the commit that was measured
 */
record Report(Instant time, String command, String revision, int rounds, List<Result> results) {

    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final String FIRST_RUN = "\n## ";

    void writeJson(Path file) throws IOException {
        ObjectNode root = JSON.createObjectNode();
        root.put("time", time.toString())
                .put("command", command)
                .put("revision", revision)
                .put("machine", machine())
                .put("rounds", rounds);
        ArrayNode gates = root.putArray("gates");
        for (Result result : results) {
            ObjectNode gate = gates.addObject()
                    .put("id", result.gate().id())
                    .put("title", result.gate().title())
                    .put("met", result.met());
            switch (result) {
                case Result.Failed failed -> gate.put("error", failed.reason());
                case Result.Measured measured -> write(gate, measured.outcome());
            }
        }
        Path directory = file.toAbsolutePath().getParent();
        if (directory != null) {
            Files.createDirectories(directory);
        }
        JSON.writeValue(file.toFile(), root);
    }

    private static void write(ObjectNode gate, Outcome outcome) {
        for (Figure figure : outcome.figures()) {
            ObjectNode node = gate.withArray("figures").addObject();
            put(node, figure.value());
            node.put("unit", figure.unit())
                    .put("bound", figure.bound().name().toLowerCase(Locale.ROOT))
                    .put("gate", figure.gate())
                    .put("met", figure.met());
        }
        for (Table table : outcome.tables()) {
            ObjectNode node = gate.withArray("tables").addObject();
            node.put("title", table.title()).put("unit", table.unit()).put("peer", table.peer());
            for (Table.Row row : table.rows()) {
                ObjectNode variant = node.withArray("variants").addObject().put("name", row.variant());
                put(variant.putObject("value"), row.value());
                put(variant.putObject("ratio"), row.ratio());
            }
        }
        outcome.notes().forEach(note -> gate.withArray("notes").add(note));
    }

    private static void put(ObjectNode node, Spread spread) {
        node.put("median", spread.median()).put("min", spread.min()).put("max", spread.max());
    }

    /** Puts this run before the earlier ones. */
    void record(Path document) throws IOException {
        String before = Files.exists(document) ? Files.readString(document) : "# Measurements\n";
        int runs = before.indexOf(FIRST_RUN);
        String head = runs < 0 ? before : before.substring(0, runs + 1);
        String earlier = runs < 0 ? "" : before.substring(runs + 1);
        Files.writeString(
                document, head.stripTrailing() + "\n\n" + markdown() + (earlier.isEmpty() ? "" : "\n" + earlier));
    }

    String markdown() {
        var text = new StringBuilder();
        text.append("## ")
                .append(time.toString(), 0, 10)
                .append(", ")
                .append(revision)
                .append("\n\n");
        text.append('`')
                .append(command)
                .append("`, ")
                .append(rounds)
                .append(" rounds; ")
                .append(machine())
                .append(".\n\n");
        text.append("```\n");
        results.forEach(result -> text.append(result.line()).append('\n'));
        text.append("```\n");
        return text.append(tables()).toString();
    }

    /** All that was measured, gate by gate. */
    String tables() {
        var text = new StringBuilder();
        for (Result result : results) {
            if (result instanceof Result.Measured(Gate gate, Outcome outcome)) {
                append(text, gate, outcome);
            }
        }
        return text.toString();
    }

    private static void append(StringBuilder text, Gate gate, Outcome outcome) {
        text.append("\n### ")
                .append(gate.id())
                .append(": ")
                .append(gate.title())
                .append('\n');
        if (!outcome.notes().isEmpty()) {
            text.append('\n').append(String.join(" ", outcome.notes())).append('\n');
        }
        for (Table table : outcome.tables()) {
            text.append("\n| ")
                    .append(table.title())
                    .append(" | ")
                    .append(table.unit())
                    .append(" | x ")
                    .append(table.peer())
                    .append(" | range |\n|---|---:|---:|---|\n");
            for (Table.Row row : table.rows()) {
                text.append(String.format(
                        Locale.ROOT,
                        "| %s | %s | %.3f | %.3f to %.3f |%n",
                        row.variant(),
                        number(row.value().median()),
                        row.ratio().median(),
                        row.ratio().min(),
                        row.ratio().max()));
            }
        }
    }

    /** Three digits at least, and no more decimals than that takes. */
    static String number(double value) {
        return String.format(Locale.ROOT, value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value);
    }

    private static String machine() {
        return "Linux %s, %d CPUs (%s), Java %s"
                .formatted(
                        System.getProperty("os.version"),
                        Runtime.getRuntime().availableProcessors(),
                        processor().orElse(System.getProperty("os.arch")),
                        Runtime.version().feature());
    }

    private static Optional<String> processor() {
        try (var lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst();
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
