package io.pilus.policy.rule;

import io.pilus.policy.rule.LabelSelector.Operator;
import io.pilus.policy.rule.LabelSelector.Requirement;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Reads Kubernetes' label selectors. */
public final class Selectors {

    private static final String NAME = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";
    private static final String DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
    private static final Pattern KEY =
            Pattern.compile("(?:(?=[^/]{1,253}/)" + DNS_LABEL + "(?:\\." + DNS_LABEL + ")*/)?" + NAME);
    private static final Pattern VALUE = Pattern.compile("(?:" + NAME + ")?");

    private Selectors() {}

    /** The selector in this field; one that matches everything when the field is empty. */
    public static LabelSelector read(Field field) {
        field.allow("matchLabels", "matchExpressions");
        List<Requirement> requirements = new ArrayList<>();
        field.get("matchLabels").fields().forEach((key, value) -> {
            checkKey(value, key);
            requirements.add(new Requirement(key, Operator.IN, List.of(checkedValue(value))));
        });
        for (Field expression : field.get("matchExpressions").items()) {
            requirements.add(expression(expression));
        }
        return new LabelSelector(requirements);
    }

    /** Takes note when this cannot be the key of a label. */
    public static void checkKey(Field field, String key) {
        if (!KEY.matcher(key).matches()) {
            field.error("'" + key + "' is no label key; write an optional DNS prefix of at most 253 characters and '/',"
                    + " then at most 63 of A-Z, a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or"
                    + " digit");
        }
    }

    /** The value of a label in this field. */
    public static String checkedValue(Field field) {
        String value = field.text();
        if (!VALUE.matcher(value).matches()) {
            field.error("'" + value + "' is no label value; write at most 63 of A-Z, a-z, 0-9, '-', '_' and '.',"
                    + " beginning and ending with a letter or digit; or nothing");
        }
        return value;
    }

    private static Requirement expression(Field expression) {
        expression.allow("key", "operator", "values");
        String key = expression.get("key").required();
        if (!expression.get("key").isAbsent()) {
            checkKey(expression.get("key"), key);
        }
        Field values = expression.get("values");
        List<String> read = values.items().stream().map(Selectors::checkedValue).toList();
        Field operator = expression.get("operator");
        return switch (operator.required()) {
            case "In" -> new Requirement(key, Operator.IN, some(values, read));
            case "NotIn" -> new Requirement(key, Operator.NOT_IN, some(values, read));
            case "Exists" -> new Requirement(key, Operator.EXISTS, none(values, read));
            case "DoesNotExist" -> new Requirement(key, Operator.DOES_NOT_EXIST, none(values, read));
            case String other -> {
                if (!operator.isAbsent()) {
                    operator.error("'" + other + "' is none of In, NotIn, Exists, DoesNotExist");
                }
                yield new Requirement(key, Operator.EXISTS, List.of());
            }
        };
    }

    private static List<String> some(Field field, List<String> values) {
        if (values.isEmpty()) {
            field.error("In and NotIn need at least one value");
        }
        return values;
    }

    private static List<String> none(Field field, List<String> values) {
        if (!values.isEmpty()) {
            field.error("Exists and DoesNotExist take no values");
        }
        return List.of();
    }
}
