/*
 * Pandalog in C++. All of it is in the plugin that includes it, and so is the
 * code of plog.pb.h: the engine has no C++, and plugins with other schemas
 * get along in one process.
 */
#ifndef PANDA_PLOG_CC_HPP
#define PANDA_PLOG_CC_HPP

#include "panda/plog_file.h"

#include "plog.pb.h"

#include <cstdio>
#include <memory>

class PandaLog
{
  public:
#ifndef PLOG_READER
    /* As the functions of panda/plog_file.h do. */
    void open_write(const char *path, uint32_t chunk_size = 0)
    {
        pandalog_open_write(path, chunk_size);
    }

    /* Writes an entry, if there is a log. pc and instr are set here. One that
     * lacks a required field is not written: nobody could read it. */
    void write_entry(std::unique_ptr<panda::LogEntry> entry)
    {
        uint64_t pc, instr;
        size_t size;
        uint8_t *bytes;

        pandalog_position(&pc, &instr);
        entry->set_pc(pc);
        entry->set_instr(instr);
        if (!entry->IsInitialized()) {
            fprintf(stderr, "pandalog: an entry without all of its required "
                            "fields is left out\n");
            return;
        }
        size = entry->ByteSizeLong();
        bytes = pandalog_new_entry(size, instr);
        if (bytes) {
            entry->SerializeToArray(bytes, static_cast<int>(size));
        }
    }
#endif

    /* For reading from the first entry on. */
    void open_read_fwd(const char *path)
    {
        pandalog_open_read_fwd(path);
    }

    /* For reading backwards from the last entry. */
    void open_read_bwd(const char *path)
    {
        pandalog_open_read_bwd(path);
    }

    /* For reading in either direction. */
    void open_read(const char *path, PlMode mode = PL_MODE_READ_FWD)
    {
        if (mode == PL_MODE_READ_BWD) {
            pandalog_open_read_bwd(path);
        } else {
            pandalog_open_read_fwd(path);
        }
    }

    /* For writing by mode "w", for reading by "r". */
    void open(const char *path, const char *mode)
    {
        pandalog_open(path, mode);
    }

    /* The next entry; null at the end, or of another schema. */
    std::unique_ptr<panda::LogEntry> read_entry()
    {
        std::unique_ptr<panda::LogEntry> entry;
        size_t size;
        const uint8_t *bytes = pandalog_read_packed(&size);

        if (bytes) {
            entry.reset(new panda::LogEntry());
            if (!entry->ParseFromArray(bytes, static_cast<int>(size))) {
                entry.reset();
            }
        }
        return entry;
    }

    /* Goes on with the entry of this instr, or where it would be. */
    void seek(uint64_t instr)
    {
        pandalog_seek(instr);
    }

    /* Closes the log, read or written. 0. */
    int close()
    {
        pandalog_close();
        return 0;
    }
};

/* One a plugin. Sources may declare it `extern PandaLog globalLog;` again. */
__attribute__((weak, visibility("hidden"))) PandaLog globalLog;

#endif
