package io.pilus.policy.source;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.pilus.policy.rule.Findings.Finding;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.yaml.snakeyaml.DumperOptions;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.Mark;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;
import org.yaml.snakeyaml.representer.Representer;

/**
 * Reads what users send, strictly: no key twice, no tags of one's own, no merge keys, aliases only as far as they do not
 * blow up. YAML is read by its nodes, not by Jackson's YAML parser, which takes an alias for a string.
 */
public final class Sources {

    /** What a request may have. */
    public static final int MAX_BYTES = 1 << 20;

    /** What a document may have as it is stored and compiled: it must fit one transaction, with its key. */
    public static final int MAX_STORED_BYTES = MAX_BYTES - 4096;

    /** Deeper than any policy, less than any stack. */
    private static final int DEPTH = 40;

    /** What aliases may make of a document of at most 1 MiB. */
    private static final int NODES = 500_000;

    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(DEPTH)
                            .build())
                    .build())
            .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .disable(JsonReadFeature.ALLOW_TRAILING_COMMA)
            .build();

    private Sources() {}

    /** The documents in a YAML stream; those that are empty are left out. */
    public static List<ObjectNode> yaml(byte[] body) {
        var options = new LoaderOptions();
        options.setAllowDuplicateKeys(false);
        options.setAllowRecursiveKeys(false);
        options.setMaxAliasesForCollections(50);
        options.setNestingDepthLimit(DEPTH);
        options.setCodePointLimit(MAX_BYTES + 1);
        var yaml = new Yaml(
                new SafeConstructor(options), new Representer(new DumperOptions()), new DumperOptions(), options);
        List<ObjectNode> documents = new ArrayList<>();
        try {
            for (Node node : yaml.composeAll(new StringReader(text(body)))) {
                JsonNode json = new Converter().convert(node, "");
                if (!json.isNull()) {
                    documents.add(object(json));
                }
            }
        } catch (MarkedYAMLException e) {
            throw SourceProblem.malformed("YAML", e.getProblem(), e.getProblemMark());
        } catch (YAMLException e) {
            throw SourceProblem.malformed("YAML", String.valueOf(e.getMessage()), null);
        }
        return documents;
    }

    /** The documents in a body of JSON: usually one, or several one behind the other. */
    public static List<ObjectNode> json(byte[] body) {
        List<ObjectNode> documents = new ArrayList<>();
        try (MappingIterator<JsonNode> values = MAPPER.readerFor(JsonNode.class).readValues(text(body))) {
            while (values.hasNextValue()) {
                documents.add(object(values.nextValue()));
            }
        } catch (JsonProcessingException e) {
            throw SourceProblem.malformed("JSON", e);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return documents;
    }

    /** The form in which a document is stored: compact, fields in the order in which they were sent. */
    static byte[] write(ObjectNode document) {
        try {
            return MAPPER.writeValueAsBytes(document);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree of JSON can be written", e);
        }
    }

    /**
     * Reads what {@link #write} wrote.
     *
     * @throws IllegalArgumentException when it is something else
     */
    public static ObjectNode readStored(byte[] source) {
        try {
            if (MAPPER.readTree(source) instanceof ObjectNode object) {
                return object;
            }
        } catch (IOException e) {
            throw new IllegalArgumentException("no readable JSON", e);
        }
        throw new IllegalArgumentException("no JSON object");
    }

    private static ObjectNode object(JsonNode json) {
        if (json instanceof ObjectNode object) {
            return object;
        }
        throw SourceProblem.invalid(
                List.of(new Finding("", "a document is an object with apiVersion, kind, metadata and spec")));
    }

    private static String text(byte[] body) {
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .decode(ByteBuffer.wrap(body))
                    .toString();
        } catch (CharacterCodingException e) {
            throw SourceProblem.malformed("UTF-8", "it has bytes that are no characters", null);
        }
    }

    /** Turns one YAML document into JSON. */
    private static final class Converter {
        private final Set<Node> open = Collections.newSetFromMap(new IdentityHashMap<>());
        private int nodes;

        JsonNode convert(Node node, String pointer) {
            if (++nodes > NODES) {
                throw SourceProblem.malformed("YAML", "its aliases make it too large", node.getStartMark());
            }
            if (!open.add(node)) {
                throw SourceProblem.malformed("YAML", "an alias leads into itself", node.getStartMark());
            }
            if (open.size() > DEPTH) {
                throw SourceProblem.malformed("YAML", "it is nested more than " + DEPTH + " deep", node.getStartMark());
            }
            try {
                return switch (node) {
                    case MappingNode mapping -> mapping(mapping, pointer);
                    case SequenceNode sequence -> sequence(sequence, pointer);
                    case ScalarNode scalar -> scalar(scalar);
                    default -> throw SourceProblem.malformed("YAML", "it cannot be read", node.getStartMark());
                };
            } finally {
                open.remove(node);
            }
        }

        private ObjectNode mapping(MappingNode mapping, String pointer) {
            check(mapping, Tag.MAP);
            ObjectNode object = JSON.objectNode();
            Set<String> seen = new HashSet<>();
            for (NodeTuple tuple : mapping.getValue()) {
                Mark mark = tuple.getKeyNode().getStartMark();
                if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
                    throw SourceProblem.malformed("YAML", "a key must be a string", mark);
                }
                if (key.getTag().equals(Tag.MERGE)) {
                    throw SourceProblem.malformed("YAML", "merge keys (<<) are not supported", mark);
                }
                if (!seen.add(key.getValue())) {
                    throw SourceProblem.malformed(
                            "YAML",
                            "the key '" + key.getValue() + "' is there twice in "
                                    + (pointer.isEmpty() ? "the document" : pointer),
                            mark);
                }
                object.set(key.getValue(), convert(tuple.getValueNode(), pointer + "/" + key.getValue()));
            }
            return object;
        }

        private ArrayNode sequence(SequenceNode sequence, String pointer) {
            check(sequence, Tag.SEQ);
            ArrayNode array = JSON.arrayNode();
            for (Node item : sequence.getValue()) {
                array.add(convert(item, pointer + "/" + array.size()));
            }
            return array;
        }

        private static JsonNode scalar(ScalarNode scalar) {
            String value = scalar.getValue();
            Tag tag = scalar.getTag();
            if (tag.equals(Tag.STR) || tag.equals(Tag.TIMESTAMP)) {
                return JSON.textNode(value);
            }
            if (tag.equals(Tag.NULL)) {
                return JSON.nullNode();
            }
            if (tag.equals(Tag.BOOL)) {
                return JSON.booleanNode(List.of("true", "yes", "on").contains(value.toLowerCase(Locale.ROOT)));
            }
            if (tag.equals(Tag.INT)) {
                try {
                    return JSON.numberNode(new BigInteger(value));
                } catch (NumberFormatException e) {
                    throw SourceProblem.malformed(
                            "YAML", "write '" + value + "' as a decimal number, or in quotes", scalar.getStartMark());
                }
            }
            if (tag.equals(Tag.FLOAT)) {
                try {
                    return JSON.numberNode(Double.parseDouble(value));
                } catch (NumberFormatException e) {
                    throw SourceProblem.malformed("YAML", "'" + value + "' is no number", scalar.getStartMark());
                }
            }
            throw SourceProblem.malformed("YAML", "the tag " + tag + " has no meaning here", scalar.getStartMark());
        }

        private static void check(Node node, Tag wanted) {
            if (!node.getTag().equals(wanted)) {
                throw SourceProblem.malformed(
                        "YAML", "the tag " + node.getTag() + " has no meaning here", node.getStartMark());
            }
        }
    }
}
