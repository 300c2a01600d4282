/*
 * FAISS 1.7.3's HNSW over rows that this folder owns. The index sees a storage of one "dimension" whose
 * vectors are node numbers; the distance computer looks the rows up. Distance is minus cosine, so the
 * metric is declared as L2 (smaller is nearer), which keeps FAISS from wrapping the computer.
 *
 * HNSW::search is called directly: IndexHNSW::search starts an OpenMP team and clears a table of all
 * nodes for every query. The visited tables are kept for reuse, under a mutex held for a push or a pop.
 */
#define _Noreturn [[noreturn]] /* the C spelling of base/err.h */
extern "C" {
#include "vindex/faiss_shim.h"
#include "vindex/vindex_impl.h"
}

#include <faiss/IndexHNSW.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/utils/Heap.h>

#include <cstring>
#include <memory>
#include <mutex>
#include <omp.h>

extern "C" void openblas_set_num_threads(int n);

namespace
{

enum { LINKS = 16, EF_CONSTRUCTION = 64 };

using node_t = faiss::Index::idx_t;

struct Rows {
    faiss_rows r;

    uint32_t row(node_t node) const { return r.node_row ? r.node_row[node] : (uint32_t)node; }
    const int8_t *at(uint32_t row) const { return r.rows + (size_t)row * r.stride; }
};

struct Computer : faiss::DistanceComputer {
    const Rows *rows;
    vindex_dots_fn dots = vindex_kernel_now()->dots;
    const int8_t *query = nullptr;
    int32_t sum = 0;
    float scale = 1;

    explicit Computer(const Rows *borrowed) : rows(borrowed) {}

    float score(uint32_t row, const int8_t *q, int32_t q_sum) const
    {
        int32_t dot;
        dots(rows->at(row), rows->r.stride, 1, q, q_sum, &dot);
        return (float)dot * rows->r.scales[row];
    }
    /* x is the number of a node, as FAISS hands on what was given to add(). */
    void set_query(const float *x) override
    {
        uint32_t node;
        memcpy(&node, x, sizeof node);
        uint32_t row = rows->row(node);
        query = rows->at(row);
        sum = rows->r.sums[row];
        scale = rows->r.scales[row];
    }
    float operator()(node_t node) override { return -scale * score(rows->row(node), query, sum); }
    float symmetric_dis(node_t a, node_t b) override
    {
        uint32_t row = rows->row(a);
        return -rows->r.scales[row] * score(rows->row(b), rows->at(row), rows->r.sums[row]);
    }
};

struct Storage : faiss::Index {
    Rows rows;

    explicit Storage(const faiss_rows &r) : faiss::Index(1, faiss::METRIC_L2), rows{r} {}
    void add(idx_t n, const float *) override { ntotal += n; }
    void reset() override { ntotal = 0; }
    void search(idx_t, const float *, idx_t, float *, idx_t *, const faiss::SearchParameters *) const override
    {
        FAISS_THROW_MSG("the storage is not searched by itself");
    }
    faiss::DistanceComputer *get_distance_computer() const override { return new Computer(&rows); }
};

struct Allowed : faiss::IDSelector {
    const Rows *rows;
    const uint64_t *allow;

    Allowed(const Rows *r, const uint64_t *a) : rows(r), allow(a) {}
    bool is_member(node_t node) const override
    {
        uint32_t row = rows->row(node);
        return (allow[row / 64] >> (row % 64)) & 1;
    }
};

template <class F> enum rc guarded(struct err *err, const char *what, F f)
{
    try {
        return f();
    } catch (const std::bad_alloc &) {
        return err_set(err, RC_NOMEM, "no memory for %s", what);
    } catch (const std::exception &e) {
        return err_set(err, RC_INTERNAL, "%s: FAISS: %s", what, e.what());
    } catch (...) {
        return err_set(err, RC_INTERNAL, "%s: FAISS failed", what);
    }
}

} // namespace

struct faiss_graph {
    Storage storage;
    faiss::IndexHNSW index;
    std::mutex lock;
    std::vector<std::unique_ptr<faiss::VisitedTable>> tables;

    explicit faiss_graph(const faiss_rows &rows) : storage(rows), index(&storage, LINKS)
    {
        index.hnsw.efConstruction = EF_CONSTRUCTION;
    }

    std::unique_ptr<faiss::VisitedTable> take()
    {
        {
            std::lock_guard<std::mutex> held(lock);
            if (!tables.empty()) {
                auto t = std::move(tables.back());
                tables.pop_back();
                return t;
            }
        }
        return std::make_unique<faiss::VisitedTable>((int)index.ntotal);
    }
    void give(std::unique_ptr<faiss::VisitedTable> t)
    {
        std::lock_guard<std::mutex> held(lock);
        tables.push_back(std::move(t));
    }
};

enum rc faiss_graph_build(const struct faiss_rows *rows, unsigned threads, struct faiss_graph **out,
                          struct err *err)
{
    return guarded(err, "an HNSW graph", [&] {
        openblas_set_num_threads(1);
        omp_set_num_threads(threads ? (int)threads : 1);
        auto g = std::make_unique<faiss_graph>(*rows);
        std::vector<float> nodes(rows->nodes);
        for (size_t i = 0; i < rows->nodes; i++) {
            uint32_t node = (uint32_t)i;
            memcpy(&nodes[i], &node, sizeof node);
        }
        g->index.add((node_t)rows->nodes, nodes.data());
        *out = g.release();
        return RC_OK;
    });
}

void faiss_graph_destroy(struct faiss_graph *g) { delete g; }

enum rc faiss_graph_search(struct faiss_graph *g, const int8_t *query, int32_t query_sum, const uint64_t *allow,
                           size_t ef, uint32_t *out, size_t *found, struct err *err)
{
    return guarded(err, "a search", [&] {
        const Rows *rows = &g->storage.rows;
        Computer computer(rows);
        computer.query = query;
        computer.sum = query_sum;
        Allowed allowed(rows, allow);
        faiss::SearchParametersHNSW params;
        params.efSearch = (int)ef;
        params.sel = allow ? &allowed : nullptr;
        std::vector<node_t> nodes(ef);
        std::vector<float> distances(ef);
        faiss::maxheap_heapify(ef, distances.data(), nodes.data());
        auto table = g->take();
        g->index.hnsw.search(computer, (int)ef, nodes.data(), distances.data(), *table, &params);
        g->give(std::move(table)); /* search leaves it advanced, that is, empty */
        *found = 0;
        for (node_t node : nodes)
            if (node >= 0) out[(*found)++] = rows->row(node);
        return RC_OK;
    });
}

void faiss_graph_links(const struct faiss_graph *g, struct faiss_links *out)
{
    const faiss::HNSW &h = g->index.hnsw;
    *out = {h.levels.data(), h.neighbors.data(), h.neighbors.size(), h.entry_point, h.max_level};
}

namespace
{

/* Every node has at least one level and as many link slots as its levels ask for; every link and the
 * entry are nodes, and the ones of a level are present on that level: a walk then stays inside. */
bool restore_links(faiss::HNSW &h, size_t nodes, const faiss_links &links)
{
    const int levels = (int)h.cum_nneighbor_per_level.size() - 1;
    h.offsets.assign(1, 0);
    for (size_t i = 0; i < nodes; i++) {
        if (links.levels[i] < 1 || links.levels[i] > levels) return false;
        h.offsets.push_back(h.offsets.back() + (size_t)h.cum_nb_neighbors(links.levels[i]));
    }
    if (h.offsets.back() != links.n_links || links.entry < (nodes ? 0 : -1) || links.entry >= (int64_t)nodes)
        return false;
    if (nodes && links.max_level != links.levels[links.entry] - 1) return false;
    for (size_t i = 0; i < nodes; i++) {
        for (int level = 0; level < links.levels[i]; level++) {
            size_t from = h.offsets[i] + (size_t)h.cum_nb_neighbors(level);
            size_t to = h.offsets[i] + (size_t)h.cum_nb_neighbors(level + 1);
            for (size_t j = from; j < to; j++) {
                int32_t node = links.links[j];
                if (node < -1 || node >= (int64_t)nodes || (node >= 0 && links.levels[node] <= level))
                    return false;
            }
        }
    }
    h.levels.assign(links.levels, links.levels + nodes);
    h.neighbors.assign(links.links, links.links + links.n_links);
    h.entry_point = links.entry;
    h.max_level = links.max_level;
    return true;
}

} // namespace

enum rc faiss_graph_restore(const struct faiss_rows *rows, const struct faiss_links *links,
                            struct faiss_graph **out, struct err *err)
{
    return guarded(err, "an HNSW graph", [&] {
        auto g = std::make_unique<faiss_graph>(*rows);
        if (!restore_links(g->index.hnsw, rows->nodes, *links))
            return err_set(err, RC_CORRUPT, "the stored graph does not hold together");
        g->storage.ntotal = g->index.ntotal = (node_t)rows->nodes;
        *out = g.release();
        return RC_OK;
    });
}
