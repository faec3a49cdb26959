package io.pilus.model;

/** Carries {@link Compilation.TooMany} out of the compiler's depths. */
final class TooManyException extends RuntimeException {

    final transient RuleRef document;
    final String what;
    final int limit;

    TooManyException(RuleRef document, String what, int limit) {
        super(what, null, false, false);
        this.document = document;
        this.what = what;
        this.limit = limit;
    }
}
