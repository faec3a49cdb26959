package io.pilus.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.pilus.lab.Rest;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code pilus get}. */
@Command(
        name = "get",
        mixinStandardHelpOptions = true,
        description = "Shows policies, workloads, identities, pools, namespaces or nodes: all of them, or one.")
final class GetCommand implements Callable<Integer> {

    private static final ObjectMapper JSON = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
    private static final int PAGE = 500;

    @Mixin
    Cluster cluster = new Cluster();

    @Parameters(index = "0", paramLabel = "KIND")
    String kind = "";

    @Parameters(index = "1", paramLabel = "NAME", arity = "0..1")
    @Nullable
    String name;

    @Option(
            names = {"-n", "--namespace"},
            description = "all namespaces by default; 'default' for one by name")
    @Nullable
    String namespace;

    @Option(
            names = {"-o", "--output"},
            defaultValue = "TABLE",
            description = "${COMPLETION-CANDIDATES}")
    Output output = Output.TABLE;

    @Override
    public Integer call() throws JsonProcessingException {
        Kind wanted = Kind.of(kind);
        Rest rest = cluster.service(wanted.service());
        Console console = Console.standard();
        if (name != null) {
            JsonNode found = rest.get(wanted.path(namespace == null ? "default" : namespace, name))
                    .orThrow()
                    .json();
            if (output == Output.JSON) {
                console.print(JSON.writeValueAsString(found));
            } else {
                wanted.table(List.of(found)).lines().forEach(console::print);
            }
            return 0;
        }
        List<JsonNode> items = all(rest, wanted.path()).stream()
                .filter(item -> namespace == null
                        || !wanted.namespaced()
                        || namespace.equals(item.path("namespace").asText()))
                .toList();
        if (output == Output.JSON) {
            console.print(JSON.writeValueAsString(items));
        } else if (items.isEmpty()) {
            console.print("none");
        } else {
            wanted.table(items).lines().forEach(console::print);
        }
        return 0;
    }

    /** Every page of a list. */
    static List<JsonNode> all(Rest rest, String path) {
        List<JsonNode> items = new ArrayList<>();
        String next = "";
        do {
            String from = next.isEmpty() ? "" : "&from=" + URLEncoder.encode(next, StandardCharsets.UTF_8);
            JsonNode page = rest.get(path + "?limit=" + PAGE + from).orThrow().json();
            page.path("items").forEach(items::add);
            next = page.path("next").asText();
        } while (!next.isEmpty());
        return items;
    }

    /** How results look. */
    enum Output {
        TABLE,
        JSON
    }
}
