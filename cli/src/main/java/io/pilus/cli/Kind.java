package io.pilus.cli;

import com.fasterxml.jackson.databind.JsonNode;
import io.pilus.lab.Service;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** What {@code get}, {@code apply} and {@code delete} know, and which service keeps it. */
enum Kind {
    POLICY(Service.POLICY, "/v1/documents", true, "policies networkpolicy networkpolicies netpol"),
    WORKLOAD(Service.IDENTITY, "/v1/workloads", true, "workloads pod pods"),
    IDENTITY(Service.IDENTITY, "/v1/identities", false, "identities"),
    POOL(Service.IPAM, "/v1/pools", false, "pools"),
    NAMESPACE(Service.IDENTITY, "/v1/namespaces", false, "namespaces ns"),
    NODE(Service.IDENTITY, "/v1/nodes", false, "nodes");

    private final Service service;
    private final String path;
    private final boolean namespaced;

    /** The plural first. */
    private final String aliases;

    Kind(Service service, String path, boolean namespaced, String aliases) {
        this.service = service;
        this.path = path;
        this.namespaced = namespaced;
        this.aliases = aliases;
    }

    /**
     * By its name or an alias.
     *
     * @throws UserException when there is none; says which there are
     */
    static Kind of(String word) {
        String wanted = word.toLowerCase(Locale.ROOT);
        return Arrays.stream(values())
                .filter(kind -> kind.word().equals(wanted) || kind.words().contains(wanted))
                .findFirst()
                .orElseThrow(() -> new UserException("'" + word + "' is nothing that Pilus keeps; there are "
                        + Arrays.stream(values())
                                .map(kind -> kind.words().getFirst())
                                .collect(Collectors.joining(", "))));
    }

    Service service() {
        return service;
    }

    boolean namespaced() {
        return namespaced;
    }

    String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    private List<String> words() {
        return List.of(aliases.split(" ", -1));
    }

    /** Where all of them are. */
    String path() {
        return path;
    }

    /** Where one is. */
    String path(String namespace, String name) {
        return switch (this) {
            case POLICY -> document("NetworkPolicy", namespace, name);
            case WORKLOAD -> path + "/" + part(namespace) + "/" + part(name);
            case IDENTITY, POOL, NAMESPACE, NODE -> path + "/" + part(name);
        };
    }

    /** Where a policy document of any kind is. */
    static String document(String kind, String namespace, String name) {
        return POLICY.path + "/" + part(kind) + "/" + part(namespace) + "/" + part(name);
    }

    /** Whatever the user wrote stays one part of the path. */
    private static String part(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8).replace("+", "%20");
    }

    Table table(List<JsonNode> items) {
        List<Column> columns = columns();
        Table table = new Table(columns.stream().map(Column::heading).toArray(String[]::new));
        for (JsonNode item : items) {
            table.row(columns.stream().map(column -> column.cell().apply(item)).toArray(String[]::new));
        }
        return table;
    }

    private List<Column> columns() {
        return switch (this) {
            case POLICY ->
                List.of(
                        text("NAMESPACE", "namespace"),
                        text("NAME", "name"),
                        text("KIND", "kind"),
                        text("REVISION", "revision"),
                        text("OWNER", "owner"));
            case WORKLOAD ->
                List.of(
                        text("NAMESPACE", "namespace"),
                        text("NAME", "name"),
                        text("NODE", "node"),
                        text("IDENTITY", "identity"),
                        pairs("LABELS", "labels"),
                        text("OWNER", "owner"));
            case IDENTITY ->
                List.of(
                        text("IDENTITY", "id"),
                        text("STATE", "state"),
                        text("NAMESPACE", "namespace"),
                        pairs("LABELS", "labels"));
            case POOL ->
                List.of(
                        text("NAME", "name"),
                        elements("RANGES", "ranges"),
                        text("IPV4 BLOCK", "blockLengthIpv4"),
                        text("IPV6 BLOCK", "blockLengthIpv6"));
            case NAMESPACE -> List.of(text("NAME", "name"), pairs("LABELS", "labels"), text("OWNER", "owner"));
            case NODE ->
                List.of(
                        text("NAME", "name"),
                        elements("ADDRESSES", "addresses"),
                        pairs("LABELS", "labels"),
                        text("OWNER", "owner"));
        };
    }

    private static Column text(String heading, String field) {
        return new Column(heading, item -> item.path(field).asText());
    }

    private static Column pairs(String heading, String field) {
        return new Column(
                heading,
                item -> item.path(field)
                        .propertyStream()
                        .map(entry -> entry.getKey() + "=" + entry.getValue().asText())
                        .collect(Collectors.joining(",")));
    }

    private static Column elements(String heading, String field) {
        return new Column(
                heading,
                item -> StreamSupport.stream(item.path(field).spliterator(), false)
                        .map(JsonNode::asText)
                        .collect(Collectors.joining(", ")));
    }

    /** A column of the table. */
    private record Column(String heading, Function<JsonNode, String> cell) {}
}
