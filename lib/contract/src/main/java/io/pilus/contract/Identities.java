package io.pilus.contract;

/** Numbers of identities: the reserved ones and the range of the others (DESIGN section 5). */
public final class Identities {

    public static final int HOST = 1;
    public static final int WORLD = 2;
    public static final int UNMANAGED = 3;
    public static final int HEALTH = 4;
    public static final int INIT = 5;
    public static final int REMOTE_NODE = 6;
    public static final int KUBE_APISERVER = 7;
    public static final int INGRESS = 8;

    /** The first number that a label set can have. */
    public static final int FIRST = 256;

    /** The last number that a label set can have: a VXLAN VNI has 24 bits. */
    public static final int LAST = (1 << 24) - 1;

    private Identities() {}

    public static boolean isReserved(int identity) {
        return identity >= 0 && identity < FIRST;
    }

    /** The name of a reserved identity, or its number. */
    public static String name(int identity) {
        return switch (identity) {
            case HOST -> "host";
            case WORLD -> "world";
            case UNMANAGED -> "unmanaged";
            case HEALTH -> "health";
            case INIT -> "init";
            case REMOTE_NODE -> "remote-node";
            case KUBE_APISERVER -> "kube-apiserver";
            case INGRESS -> "ingress";
            default -> Integer.toString(identity);
        };
    }
}
