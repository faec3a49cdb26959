package io.pilus.libbpf;

import jnr.ffi.LibraryLoader;
import jnr.ffi.Pointer;
import jnr.ffi.Runtime;
import jnr.ffi.annotations.Delegate;
import jnr.ffi.annotations.In;
import jnr.ffi.annotations.Out;
import jnr.ffi.types.size_t;
import jnr.ffi.types.u_int32_t;
import jnr.ffi.types.u_int64_t;
import org.jspecify.annotations.Nullable;

/** libbpf 1.x: C names, C types, no behaviour. Only this package may use it. Functions that return int give 0 or -errno. */
public interface LibBpf {

    LibBpf INSTANCE = LibraryLoader.create(LibBpf.class).failImmediately().load("libbpf.so.1");
    Runtime RUNTIME = Runtime.getRuntime(INSTANCE);

    /** {@code int (*ring_buffer_sample_fn)(void *ctx, void *data, size_t size)}. */
    interface RingBufferSample {
        @Delegate
        int sample(Pointer context, Pointer data, @size_t long size);
    }

    /** {@code int (*libbpf_print_fn_t)(enum libbpf_print_level, const char *, va_list)}. */
    interface Print {
        @Delegate
        int print(int level, Pointer format, Pointer arguments);
    }

    @Nullable
    Pointer libbpf_set_print(@Nullable Print print);

    @Nullable
    Pointer bpf_object__open_mem(@In byte[] bytes, @size_t long size, @In @Nullable Pointer options);

    int bpf_object__load(Pointer object);

    void bpf_object__close(Pointer object);

    @Nullable
    Pointer bpf_object__next_map(Pointer object, @Nullable Pointer map);

    @Nullable
    Pointer bpf_object__next_program(Pointer object, @Nullable Pointer program);

    String bpf_map__name(Pointer map);

    int bpf_map__fd(Pointer map);

    int bpf_map__set_max_entries(Pointer map, @u_int32_t int entries);

    int bpf_map__set_initial_value(Pointer map, @In byte[] data, @size_t long size);

    int bpf_map__reuse_fd(Pointer map, int fd);

    boolean bpf_map__is_internal(Pointer map);

    String bpf_program__name(Pointer program);

    int bpf_program__fd(Pointer program);

    int bpf_map_create(
            int type,
            @In String name,
            @u_int32_t int keySize,
            @u_int32_t int valueSize,
            @u_int32_t int entries,
            @In @Nullable Pointer options);

    int bpf_map_lookup_elem(int fd, @In byte[] key, @Out byte[] value);

    int bpf_map_lookup_and_delete_elem(int fd, @In byte[] key, @Out byte[] value);

    int bpf_map_update_elem(int fd, @In byte[] key, @In byte[] value, @u_int64_t long flags);

    int bpf_map_delete_elem(int fd, @In byte[] key);

    int bpf_map_get_next_key(int fd, @In byte @Nullable [] key, @Out byte[] next);

    int bpf_map_lookup_batch(
            int fd,
            @In byte @Nullable [] from,
            @Out byte[] next,
            @Out byte[] keys,
            @Out byte[] values,
            @In @Out int[] count,
            @In @Nullable Pointer options);

    int bpf_map_update_batch(
            int fd, @In byte[] keys, @In byte[] values, @In @Out int[] count, @In @Nullable Pointer options);

    int bpf_map_delete_batch(int fd, @In byte[] keys, @In @Out int[] count, @In @Nullable Pointer options);

    int bpf_map_get_fd_by_id(@u_int32_t int id);

    int bpf_obj_pin(int fd, @In String path);

    int bpf_obj_get(@In String path);

    int bpf_obj_get_info_by_fd(int fd, @In @Out byte[] info, @In @Out int[] size);

    int bpf_prog_test_run_opts(int fd, Pointer options);

    @Nullable
    Pointer ring_buffer__new(int fd, RingBufferSample callback, @Nullable Pointer context, @Nullable Pointer options);

    int ring_buffer__poll(Pointer ring, int timeoutMs);

    void ring_buffer__free(Pointer ring);

    @Nullable
    Pointer bpf_object__btf(Pointer object);

    int btf__find_by_name(Pointer btf, @In String name);

    @Nullable
    Pointer btf__type_by_id(Pointer btf, @u_int32_t int id);

    String btf__name_by_offset(Pointer btf, @u_int32_t int offset);

    long btf__resolve_size(Pointer btf, @u_int32_t int id);
}
