package io.pilus.etcd;

/** An answer was larger than this client takes: ask for less. */
class AnswerTooLargeException extends EtcdRefusedException {
    AnswerTooLargeException(String message, Throwable cause) {
        super(message, cause);
    }
}
