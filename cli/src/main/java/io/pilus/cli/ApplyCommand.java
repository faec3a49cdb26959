package io.pilus.cli;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.pilus.lab.Answer;
import io.pilus.lab.Rest;
import io.pilus.lab.Service;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code pilus apply}. */
@Command(
        name = "apply",
        mixinStandardHelpOptions = true,
        description = {
            "Creates or changes what a YAML or JSON file says.",
            "That may be policies (NetworkPolicy), and Workload, Pool, Namespace and Node, whose 'spec' is the body that the service's REST takes."
        })
final class ApplyCommand implements Callable<Integer> {

    private static final ObjectMapper YAML = new YAMLMapper().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION);

    @Mixin
    Cluster cluster = new Cluster();

    @Option(
            names = {"-f", "--file"},
            required = true,
            paramLabel = "FILE",
            description = "'-' reads standard input")
    String file = "";

    @Option(
            names = "--wait",
            description = "until every node concerned enforces the policies; ends with 1 if one does not")
    boolean wait;

    @Override
    public Integer call() {
        Console console = Console.standard();
        boolean enforced = true;
        for (JsonNode document : documents()) {
            enforced &= apply(document, console);
        }
        return enforced ? 0 : 1;
    }

    private List<JsonNode> documents() {
        try {
            String text = file.equals("-")
                    ? new String(System.in.readAllBytes(), StandardCharsets.UTF_8)
                    : Files.readString(Path.of(file));
            List<JsonNode> documents;
            try (MappingIterator<JsonNode> all = YAML.readerFor(JsonNode.class).readValues(text)) {
                // not by hasNext() and next(), which disguise what they throw
                documents = all.readAll().stream()
                        .filter(document -> !document.isNull() && !document.isMissingNode())
                        .toList();
            }
            if (documents.isEmpty()) {
                throw new UserException(file + " holds no document");
            }
            return documents;
        } catch (JsonProcessingException e) {
            throw new UserException(file + " is no YAML: " + e.getOriginalMessage() + ", line "
                    + e.getLocation().getLineNr());
        } catch (NoSuchFileException e) {
            throw new UserException("there is no file " + file);
        } catch (IOException e) {
            throw new UserException("could not read " + file + ": " + e);
        }
    }

    private boolean apply(JsonNode document, Console console) {
        String kind = document.path("kind").asText();
        String name = document.path("metadata").path("name").asText();
        String namespace = document.path("metadata").path("namespace").asText("default");
        if (kind.isEmpty() || name.isEmpty()) {
            throw new UserException(file + ": a document needs 'kind' and 'metadata.name'");
        }
        return switch (kind) {
            case "Namespace" -> {
                ObjectNode body = YAML.createObjectNode();
                body.set(
                        "labels",
                        document.path("metadata").path("labels").isObject()
                                ? document.path("metadata").path("labels")
                                : YAML.createObjectNode());
                yield put(Kind.NAMESPACE, namespace, name, body, console);
            }
            case "Workload" -> put(Kind.WORKLOAD, namespace, name, document.path("spec"), console);
            case "Pool" -> put(Kind.POOL, namespace, name, document.path("spec"), console);
            case "Node" -> put(Kind.NODE, namespace, name, document.path("spec"), console);
            default -> policy(kind, namespace, name, document, console);
        };
    }

    private boolean put(Kind kind, String namespace, String name, JsonNode body, Console console) {
        Rest rest = cluster.service(kind.service());
        String path = kind.path(namespace, name);
        Answer answer = console.during(
                "applying " + kind.word() + " " + name,
                () -> rest.put(path, body.toString()).orThrow());
        console.print(kind.word() + " " + name + (answer.status() == 201 ? " created" : " applied"));
        return true;
    }

    private boolean policy(String kind, String namespace, String name, JsonNode document, Console console) {
        Rest rest = cluster.service(Service.POLICY);
        String path = Kind.document(kind, namespace, name);
        String what = kind + " " + namespace + "/" + name;
        PolicyWrite written = console.during(
                wait ? "waiting until every node concerned enforces " + what : "applying " + what,
                () -> PolicyWrite.apply(rest, path, document.toString(), wait));
        console.print(what + " " + written.summary());
        written.warnings().forEach(warning -> console.print("  warning: " + warning));
        written.laggards().forEach(laggard -> console.print("  " + laggard));
        return written.laggards().isEmpty();
    }
}
