package io.pilus.policy.rule;

import java.util.ArrayList;
import java.util.List;

/** What is wrong, or odd, in a document. */
public final class Findings {

    /** So that a large document that is wrong throughout gets an answer of bearable size. */
    private static final int MOST = 50;

    private final List<Finding> errors = new ArrayList<>();
    private final List<Finding> warnings = new ArrayList<>();

    /**
     * @param pointer where, as a JSON pointer
     * @param detail what is wrong and how to mend it
     */
    public record Finding(String pointer, String detail) {
        @Override
        public String toString() {
            return pointer.isEmpty() ? detail : pointer + ": " + detail;
        }
    }

    /** Something for which the document is refused; of each place only the first is kept. */
    public void error(String pointer, String detail) {
        if (errors.size() < MOST
                && errors.stream().noneMatch(known -> known.pointer().equals(pointer))) {
            errors.add(new Finding(pointer, detail));
        }
    }

    /** Something that its author may not have meant. */
    public void warning(String pointer, String detail) {
        if (warnings.size() < MOST) {
            warnings.add(new Finding(pointer, detail));
        }
    }

    public List<Finding> errors() {
        return List.copyOf(errors);
    }

    public List<Finding> warnings() {
        return List.copyOf(warnings);
    }
}
