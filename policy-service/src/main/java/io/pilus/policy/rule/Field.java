package io.pilus.policy.rule;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * A place in a document that knows its JSON pointer. Reading takes note of what is wrong and answers with something harmless,
 * so that one reading finds everything. A null is as good as absent, as in Kubernetes.
 */
public final class Field {

    private static final int SHOWN = 60;

    private final JsonNode node;
    private final String pointer;
    private final Findings findings;

    private Field(JsonNode node, String pointer, Findings findings) {
        this.node = node;
        this.pointer = pointer;
        this.findings = findings;
    }

    public static Field root(ObjectNode document, Findings findings) {
        return new Field(document, "", findings);
    }

    public boolean isAbsent() {
        return node.isMissingNode() || node.isNull();
    }

    public boolean isNumber() {
        return node.isNumber();
    }

    public String pointer() {
        return pointer;
    }

    public void error(String detail) {
        findings.error(pointer, detail);
    }

    public void warning(String detail) {
        findings.warning(pointer, detail);
    }

    /** A field of this object; absent when this is none. */
    public Field get(String name) {
        return new Field(
                node.isObject() ? node.path(name) : MissingNode.getInstance(),
                pointer + "/" + name.replace("~", "~0").replace("/", "~1"),
                findings);
    }

    /** Says that this is an object which has no fields but these. */
    public Field allow(String... names) {
        if (isAbsent()) {
            return this;
        }
        if (!node.isObject()) {
            wrong("an object");
            return this;
        }
        Set<String> known = new TreeSet<>(List.of(names));
        node.fieldNames().forEachRemaining(name -> {
            if (!known.contains(name)) {
                get(name)
                        .error("no field is called '" + shorten(name) + "' here; there are "
                                + String.join(", ", known));
            }
        });
        return this;
    }

    /** The items of this list; none when it is absent. */
    public List<Field> items() {
        List<Field> items = new ArrayList<>();
        if (node.isArray()) {
            for (int i = 0; i < node.size(); i++) {
                items.add(new Field(node.path(i), pointer + "/" + i, findings));
            }
        } else if (!isAbsent()) {
            wrong("a list");
        }
        return items;
    }

    /** The fields of this object, whatever their names; none when it is absent. */
    public Map<String, Field> fields() {
        Map<String, Field> fields = new LinkedHashMap<>();
        if (node.isObject()) {
            node.fieldNames().forEachRemaining(name -> fields.put(name, get(name)));
        } else if (!isAbsent()) {
            wrong("an object");
        }
        return fields;
    }

    /** This text; empty when it is absent or none. */
    public String text() {
        if (node.isTextual()) {
            return node.textValue();
        }
        if (!isAbsent()) {
            wrong(node.isValueNode() ? "a string; put " + shorten(node.asText()) + " in quotes" : "a string");
        }
        return "";
    }

    /** This text, which must be there. */
    public String required() {
        if (isAbsent()) {
            error("is missing");
        }
        return text();
    }

    /** This number, between the bounds; the lower bound when it is absent or wrong. */
    public int number(int least, int most) {
        if (node.isIntegralNumber() && node.canConvertToInt() && node.intValue() >= least && node.intValue() <= most) {
            return node.intValue();
        }
        if (!isAbsent()) {
            wrong("a whole number between " + least + " and " + most);
        }
        return least;
    }

    private void wrong(String wanted) {
        error("must be " + wanted + ", not " + shorten(node.toString()));
    }

    private static String shorten(String text) {
        return text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...";
    }
}
